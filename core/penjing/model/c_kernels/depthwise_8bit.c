/* All channels of one place whose window of 3 x 3 lies inside; rows of the input are `row` apart. */
static void depthwise_3x3(const struct conv *restrict p, const int8_t *restrict x, int32_t row, int8_t *restrict y)
{
    const int32_t n = p->in_c, n2 = 2 * n, zero = p->in_zero;
    const int8_t *x1 = x + row, *x2 = x1 + row;
    const int8_t *w0 = p->weights, *w1 = w0 + 3 * n, *w2 = w1 + 3 * n;
    for (int32_t c = 0; c < n; c++, x++, x1++, x2++, w0++, w1++, w2++) {
        int32_t sum = p->bias[c];
        sum += (x[0] - zero) * w0[0] + (x[n] - zero) * w0[n] + (x[n2] - zero) * w0[n2];
        sum += (x1[0] - zero) * w1[0] + (x1[n] - zero) * w1[n] + (x1[n2] - zero) * w1[n2];
        sum += (x2[0] - zero) * w2[0] + (x2[n] - zero) * w2[n] + (x2[n2] - zero) * w2[n2];
        y[c] = conv_code(p, sum, c);
    }
}

/* One filter a channel, [k_h][k_w][in_c]; not folded. */
KERNEL void depthwise_8bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t n = p->in_c, row = p->in_w * n, zero = p->in_zero;
    const int small = p->k_h == 3 && p->k_w == 3 && p->dilation_h == 1 && p->dilation_w == 1;
    const int8_t *w = p->weights;
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++, y += n) {
            const int32_t top = oy * p->stride_h - p->pad_h, left = ox * p->stride_w - p->pad_w;
            const int32_t y_end = last_tap(top, p->k_h, p->dilation_h, p->in_h);
            const int32_t x_end = last_tap(left, p->k_w, p->dilation_w, p->in_w);
            const int32_t y_tap = first_tap(top, y_end, p->dilation_h);
            const int32_t x_tap = first_tap(left, x_end, p->dilation_w);
            if (small && y_end - y_tap == 3 && x_end - x_tap == 3) {
                depthwise_3x3(p, x + top * row + left * n, row, y);
                continue;
            }
            const int32_t first = (top + y_tap * p->dilation_h) * row + (left + x_tap * p->dilation_w) * n;
            const int32_t step = p->dilation_w * n, taps = x_end - x_tap;
            for (int32_t c = 0; c < n; c++) {
                int32_t sum = p->bias[c];
                for (int32_t ky = y_tap; ky < y_end; ky++) {
                    const int8_t *from = x + first + (ky - y_tap) * p->dilation_h * row + c;
                    const int8_t *by = w + (ky * p->k_w + x_tap) * n + c;
                    for (int32_t kx = 0; kx < taps; kx++)
                        sum += (from[kx * step] - zero) * by[kx * n];
                }
                y[c] = conv_code(p, sum, c);
            }
        }
}
