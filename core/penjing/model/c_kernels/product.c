/* Products of matrices: [matrices][rows][inner] and [matrices][inner][columns]. */
struct product {
    int32_t multiplier, shift, matrices, rows, inner, columns, a_zero, b_zero, out_zero, low, high;
};

KERNEL void product(const struct product *restrict p, const int8_t *a, const int8_t *b, int8_t *restrict y)
{
    for (int32_t m = 0; m < p->matrices; m++, b += p->inner * p->columns)
        for (int32_t i = 0; i < p->rows; i++, a += p->inner)
            for (int32_t j = 0; j < p->columns; j++) {
                int32_t sum = 0;
                for (int32_t k = 0; k < p->inner; k++)
                    sum += (a[k] - p->a_zero) * (b[k * p->columns + j] - p->b_zero);
                *y++ = clamped(rescale(sum, p->multiplier, p->shift) + p->out_zero, p->low, p->high);
            }
}
