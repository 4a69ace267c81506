/* The results of the four filters from o on at one window. */
KERNEL void four_filters(const struct conv *restrict p, const struct window *restrict v, int32_t o, int8_t *restrict y)
{
    const int32_t *bias = p->bias + o;
    int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};
    for (int32_t k = 0; k < 4 && v->is_padded; k++)
        sums[k] += padding_8bit(p, v, o + k);
    dot4(sums, v, (const int8_t *)p->weights + o * v->filter);
    for (int32_t k = 0; k < 4; k++)
        y[k] = conv_code(p, sums[k], o + k);
}

/* The results of the filters o and o + 1 at a window and the next. */
INSIDE void two_by_two(const struct conv *restrict p, const struct window *restrict v, int32_t o, int8_t *restrict y)
{
    int32_t one = p->bias[o], other = p->bias[o + 1];
    if (v->is_padded) {
        one += padding_8bit(p, v, o);
        other += padding_8bit(p, v, o + 1);
    }
    int32_t sums[4] = {one, one, other, other};
    dot2x2(sums, v, (const int8_t *)p->weights + o * v->filter);
    y[0] = conv_code(p, sums[0], o);
    y[1] = conv_code(p, sums[2], o + 1);
    y[p->out_c] = conv_code(p, sums[1], o);
    y[p->out_c + 1] = conv_code(p, sums[3], o + 1);
}

/* The results of the filters from o on at one window. */
INSIDE void one_window(const struct conv *restrict p, const struct window *restrict v, int32_t o, int8_t *restrict y)
{
    for (; p->out_c - o >= 4; o += 4)
        four_filters(p, v, o, y + o);
    for (; o < p->out_c; o++)
        y[o] = filter_8bit(p, v, o);
}

/* Filters [out_c][k_h][k_w][in_c]; folded. */
KERNEL void conv_8bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++, y += p->out_c) {
            struct window v = window_of(p, x, oy, ox);
            int32_t o = 0;
            if (TWO_WINDOWS && v.has_next) {
                for (; p->out_c - o >= 2; o += 2)
                    two_by_two(p, &v, o, y + o);
                one_window(p, &v, o, y);
                v.x += v.step;
                y += p->out_c;
                ox++;
            }
            one_window(p, &v, o, y);
        }
}
