/* a * b. */
KERNEL void multiply(const struct join *restrict p, const int8_t *a, const int8_t *b, int8_t *restrict y)
{
    for (int32_t i = 0, k = 0; i < p->count; i++) {
        const int32_t product = (a[i] - p->a_zero) * (b[k] - p->b_zero);
        const int32_t result = rescale(product, (int32_t)p->a_multiplier, p->shift);
        y[i] = clamped(result + p->out_zero, p->low, p->high);
        k = k + 1 < p->period ? k + 1 : 0;
    }
}
