/* a + b_sign b, each at its own scale. */
KERNEL void add(const struct join *restrict p, const int8_t *a, const int8_t *b, int8_t *restrict y)
{
    for (int32_t i = 0, k = 0; i < p->count; i++) {
        const int64_t one = (int64_t)(a[i] - p->a_zero) * p->a_multiplier;
        const int64_t other = (int64_t)(b[k] - p->b_zero) * p->b_multiplier;
        y[i] = clamped(rescale_sum(one + p->b_sign * other, p->shift) + p->out_zero, p->low, p->high);
        k = k + 1 < p->period ? k + 1 : 0;
    }
}
