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

/* Filters [out_c][k_h][k_w][in_c], four at a time; folded. */
KERNEL void conv_8bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t fours = p->out_c / 4 * 4;
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const struct window v = window_of(p, x, oy, ox);
            for (int32_t o = 0; o < fours; o += 4, y += 4)
                four_filters(p, &v, o, y);
            for (int32_t o = fours; o < p->out_c; o++)
                *y++ = filter_8bit(p, &v, o);
        }
}
