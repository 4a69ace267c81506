/* What the padding of a window, the code of zero, adds to the sum of filter o; weights of @BITS@ bits. */
KERNEL int32_t padding_@BITS@bit(const struct conv *restrict p, const struct window *restrict v, int32_t o)
{
    const int32_t first = o * v->filter, end = first + v->filter, after = v->before + v->run;
    const int32_t top = first + v->y_tap * v->k_row, bottom = first + v->y_end * v->k_row;
    int32_t sum = 0;
    for (int32_t i = first; i < top; i++)
        sum += weight_@BITS@bit(p->weights, i);
    for (int32_t row = top; row < bottom; row += v->k_row) {
        for (int32_t i = 0; i < v->before; i++)
            sum += weight_@BITS@bit(p->weights, row + i);
        for (int32_t i = after; i < v->k_row; i++)
            sum += weight_@BITS@bit(p->weights, row + i);
    }
    for (int32_t i = bottom; i < end; i++)
        sum += weight_@BITS@bit(p->weights, i);
    return p->in_zero * sum;
}

/* The result of filter o at one window. */
KERNEL int8_t filter_@BITS@bit(const struct conv *restrict p, const struct window *restrict v, int32_t o)
{
    const int32_t first = o * v->filter + v->before;
    const int8_t *x = v->x;
    int32_t sum = p->bias[o] + (v->is_padded ? padding_@BITS@bit(p, v, o) : 0);
    for (int32_t ky = v->y_tap; ky < v->y_end; ky++, x += v->x_row)
        sum += dot_@BITS@bit(x, p->weights, first + ky * v->k_row, v->run);
    return conv_code(p, sum, o);
}
