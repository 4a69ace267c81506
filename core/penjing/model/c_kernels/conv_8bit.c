/* The results of the four filters from o on at one window. */
static void four_filters(const struct conv *restrict p, const struct window *restrict v, int32_t o, int8_t *restrict y)
{
    const int32_t *bias = p->bias + o, above = v->y_tap * v->k_row, rows = v->y_end - v->y_tap;
    const int8_t *w = (const int8_t *)p->weights + o * v->filter, *x = v->x, *row = w + above;
    int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};
    for (int32_t ky = 0; ky < rows; ky++, x += v->x_row, row += v->k_row)
        dot4(sums, x, row + v->before, v->filter, v->run);
    if (v->run * rows < v->filter) {
        const int32_t after = v->before + v->run;
        pad4(sums, p->in_zero, w, v->filter, above);
        pad4(sums, p->in_zero, row, v->filter, v->filter - v->y_end * v->k_row);
        for (row = w + above; rows > 0 && row != w + v->y_end * v->k_row; row += v->k_row) {
            pad4(sums, p->in_zero, row, v->filter, v->before);
            pad4(sums, p->in_zero, row + after, v->filter, v->k_row - after);
        }
    }
    for (int32_t k = 0; k < 4; k++)
        y[k] = conv_code(p, sums[k], o + k);
}

/* The results of the two filters from o on at two neighbouring windows without padding at their sides. */
static void two_by_two(const struct conv *restrict p, const struct window *restrict v, int32_t step, int32_t o, int8_t *y)
{
    const int8_t *w = (const int8_t *)p->weights + o * v->filter, *x = v->x;
    int32_t sums[4] = {p->bias[o], p->bias[o], p->bias[o + 1], p->bias[o + 1]};
    for (int32_t ky = 0; ky < v->y_end; ky++, x += v->x_row, w += v->k_row)
        dot2x2(sums, x, step, w, v->filter, v->k_row);
    y[0] = conv_code(p, sums[0], o);
    y[1] = conv_code(p, sums[2], o + 1);
    y[p->out_c] = conv_code(p, sums[1], o);
    y[p->out_c + 1] = conv_code(p, sums[3], o + 1);
}

/* Filters [out_c][k_h][k_w][in_c], four at a time; folded. */
KERNEL void conv_8bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t fours = p->out_c / 4 * 4, step = p->stride_w * p->in_c;
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const struct window v = window_of(p, x, oy, ox);
            const int inside = v.run == v.k_row && v.y_tap == 0 && v.y_end == p->k_h;
            if (inside && ox + 1 < p->out_w && (ox + 1) * p->stride_w - p->pad_w + p->k_w <= p->in_w) {
                for (int32_t o = 0; o + 1 < p->out_c; o += 2, y += 2)
                    two_by_two(p, &v, step, o, y);
                y += p->out_c;
                ox++;
                continue;
            }
            for (int32_t o = 0; o < fours; o += 4, y += 4)
                four_filters(p, &v, o, y);
            for (int32_t o = fours; o < p->out_c; o++)
                *y++ = filter_8bit(p, &v, o);
        }
}
