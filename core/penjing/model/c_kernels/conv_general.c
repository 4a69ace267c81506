/* Filters [out_c][k_h][k_w][in_c / groups] with any groups, dilation and zero points of weights; not folded. */
KERNEL void conv_general_@BITS@bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t depth = p->in_c / p->groups, filters = p->out_c / p->groups;
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t top = oy * p->stride_h - p->pad_h, left = ox * p->stride_w - p->pad_w;
            const int32_t y_end = last_tap(top, p->k_h, p->dilation_h, p->in_h);
            const int32_t x_end = last_tap(left, p->k_w, p->dilation_w, p->in_w);
            for (int32_t o = 0; o < p->out_c; o++) {
                const int32_t zero = p->weight_zeros == 0 ? 0 : p->weight_zeros[o * p->per_channel];
                int32_t sum = p->bias[o];
                for (int32_t ky = first_tap(top, y_end, p->dilation_h); ky < y_end; ky++)
                    for (int32_t kx = first_tap(left, x_end, p->dilation_w); kx < x_end; kx++) {
                        const int32_t row = top + ky * p->dilation_h, column = left + kx * p->dilation_w;
                        const int8_t *from = x + (row * p->in_w + column) * p->in_c + o / filters * depth;
                        const int32_t start = ((o * p->k_h + ky) * p->k_w + kx) * depth;
                        for (int32_t i = 0; i < depth; i++)
                            sum += (from[i] - p->in_zero) * (weight_@BITS@bit(p->weights, start + i) - zero);
                    }
                *y++ = conv_code(p, sum, o);
            }
        }
}
