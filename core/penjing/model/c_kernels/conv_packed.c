/* Filters [out_c][k_h][k_w][in_c] of @BITS@ bits, packed; folded. */
KERNEL void conv_@BITS@bit(const struct conv *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const struct window v = window_of(p, x, oy, ox);
            for (int32_t o = 0; o < p->out_c; o++)
                *y++ = filter_@BITS@bit(p, &v, o);
        }
}
