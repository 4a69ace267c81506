/* Adds the products of a window's channels from c on to four sums. */
KERNEL void taps4(int32_t *restrict sums, const struct conv *restrict p, const struct window *restrict v, int32_t c)
{
    const int32_t n = p->in_c, zero = p->in_zero, step = p->dilation_w * n, span = v->run * p->dilation_w;
    const int8_t *line = v->x + c, *w_line = (const int8_t *)p->weights + v->y_tap * v->k_row + v->before + c;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (int32_t ky = v->y_tap; ky < v->y_end; ky++, line += v->x_row, w_line += v->k_row)
        for (const int8_t *x = line, *w = w_line, *end = x + span; x != end; x += step, w += n) {
#ifdef FOURS
            const struct four a = four_less(x, zero), b = four_at(w);
            s0 = add_lower(s0, a.even, b.even);
            s1 = add_lower(s1, a.odd, b.odd);
            s2 = add_upper(s2, a.even, b.even);
            s3 = add_upper(s3, a.odd, b.odd);
#else
            s0 += (x[0] - zero) * w[0];
            s1 += (x[1] - zero) * w[1];
            s2 += (x[2] - zero) * w[2];
            s3 += (x[3] - zero) * w[3];
#endif
        }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* The result of one channel at a window. */
KERNEL int8_t one_channel(const struct conv *restrict p, const struct window *restrict v, int32_t c)
{
    const int32_t step = p->dilation_w * p->in_c, span = v->run * p->dilation_w;
    const int8_t *line = v->x + c, *w_line = (const int8_t *)p->weights + v->y_tap * v->k_row + v->before + c;
    int32_t sum = p->bias[c];
    for (int32_t ky = v->y_tap; ky < v->y_end; ky++, line += v->x_row, w_line += v->k_row)
        for (const int8_t *x = line, *w = w_line; x != line + span; x += step, w += p->in_c)
            sum += (*x - p->in_zero) * *w;
    return conv_code(p, sum, c);
}

/* One filter a channel, [k_h][k_w][in_c]; not folded. */
KERNEL void depthwise_8bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++, y += p->in_c) {
            const struct window v = window_of(p, x, oy, ox);
            int32_t c = 0;
            for (; p->in_c - c >= 4; c += 4) {
                const int32_t *bias = p->bias + c;
                int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};
                taps4(sums, p, &v, c);
                for (int32_t k = 0; k < 4; k++)
                    y[c + k] = conv_code(p, sums[k], c + k);
            }
            for (; c < p->in_c; c++)
                y[c] = one_channel(p, &v, c);
        }
}
