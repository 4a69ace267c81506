/* Values in another order: a walk over six axes of the result with strides in what is read. */
struct move {
    int32_t extent[6], stride[6];
};

KERNEL void move(const struct move *p, const int8_t *x, int8_t *y)
{
    const int32_t *n = p->extent, *s = p->stride;
    for (int32_t a = 0; a < n[0]; a++)
        for (int32_t b = 0; b < n[1]; b++)
            for (int32_t c = 0; c < n[2]; c++)
                for (int32_t d = 0; d < n[3]; d++)
                    for (int32_t e = 0; e < n[4]; e++)
                        for (int32_t f = 0; f < n[5]; f++)
                            *y++ = x[a * s[0] + b * s[1] + c * s[2] + d * s[3] + e * s[4] + f * s[5]];
}
