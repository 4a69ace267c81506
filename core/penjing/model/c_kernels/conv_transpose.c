/* Every value lays filters [out_c][k_h][k_w][in_c / groups] over the result; here each result gathers what lies on it. */
KERNEL void conv_transpose_@BITS@bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const int32_t depth = p->in_c / p->groups, filters = p->out_c / p->groups;
    const int32_t y_step = tap_step(p->stride_h, p->dilation_h), x_step = tap_step(p->stride_w, p->dilation_w);
    const int32_t up = y_step * p->dilation_h / p->stride_h, left = x_step * p->dilation_w / p->stride_w;
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t y_tap = first_over(oy + p->pad_h, p->k_h, p->stride_h, p->dilation_h);
            const int32_t x_tap = first_over(ox + p->pad_w, p->k_w, p->stride_w, p->dilation_w);
            const int32_t bottom = (oy + p->pad_h - y_tap * p->dilation_h) / p->stride_h;
            const int32_t right = (ox + p->pad_w - x_tap * p->dilation_w) / p->stride_w;
            for (int32_t o = 0; o < p->out_c; o++) {
                const int32_t zero = p->weight_zeros == 0 ? 0 : p->weight_zeros[o * p->per_channel];
                int32_t sum = p->bias[o];
                for (int32_t ky = y_tap, row = bottom; ky < p->k_h && row >= 0; ky += y_step, row -= up)
                    for (int32_t kx = x_tap, column = right; row < p->in_h && kx < p->k_w && column >= 0;
                         kx += x_step, column -= left) {
                        if (column >= p->in_w)
                            continue;
                        const int8_t *from = x + (row * p->in_w + column) * p->in_c + o / filters * depth;
                        const int32_t start = ((o * p->k_h + ky) * p->k_w + kx) * depth;
                        for (int32_t i = 0; i < depth; i++)
                            sum += (from[i] - p->in_zero) * (weight_@BITS@bit(p->weights, start + i) - zero);
                    }
                *y++ = conv_code(p, sum, o);
            }
        }
}
