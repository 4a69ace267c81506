/* The result of filter o at one window; weights of @BITS@ bits. */
static int8_t filter_@BITS@bit(const struct conv *restrict p, const struct window *restrict v, int32_t o)
{
    const int32_t zero = p->in_zero, first = o * v->filter;
    const int32_t start = first + v->y_tap * v->k_row, end = first + v->y_end * v->k_row;
    const int8_t *x = v->x;
    int32_t sum = p->bias[o];
    if (zero != 0 && v->run * (v->y_end - v->y_tap) < v->filter) {
        sum += zero * sum_@BITS@bit(p->weights, first, start - first);
        sum += zero * sum_@BITS@bit(p->weights, end, first + v->filter - end);
        for (int32_t row = start; row < end; row += v->k_row) {
            const int32_t after = v->before + v->run;
            sum += zero * sum_@BITS@bit(p->weights, row, v->before);
            sum += zero * sum_@BITS@bit(p->weights, row + after, v->k_row - after);
        }
    }
    for (int32_t row = start; row < end; row += v->k_row, x += v->x_row)
        sum += dot_@BITS@bit(x, p->weights, row + v->before, v->run);
    return conv_code(p, sum, o);
}
