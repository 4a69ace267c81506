/* One filter a channel, [k_h][k_w][in_c]; not folded. */
KERNEL void depthwise_@BITS@bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t channels = p->in_c;
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t top = oy * p->stride_h - p->pad_h, left = ox * p->stride_w - p->pad_w;
            const int32_t y_end = last_tap(top, p->k_h, p->dilation_h, p->in_h);
            const int32_t x_end = last_tap(left, p->k_w, p->dilation_w, p->in_w);
            const int32_t y_tap = first_tap(top, y_end, p->dilation_h);
            const int32_t x_tap = first_tap(left, x_end, p->dilation_w);
            for (int32_t c = 0; c < channels; c++) {
                int32_t sum = p->bias[c];
                for (int32_t ky = y_tap; ky < y_end; ky++) {
                    const int32_t row = top + ky * p->dilation_h, column = left + x_tap * p->dilation_w;
                    const int8_t *from = x + (row * p->in_w + column) * channels + c;
                    int32_t w = (ky * p->k_w + x_tap) * channels + c;
                    for (int32_t kx = x_tap; kx < x_end; kx++) {
                        sum += (*from - p->in_zero) * weight_@BITS@bit(p->weights, w);
                        from += p->dilation_w * channels;
                        w += channels;
                    }
                }
                *y++ = conv_code(p, sum, c);
            }
        }
}
