/* One slope from zero up and another below, a channel or for all; may work in place. */
KERNEL void prelu(const struct scaled *p, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < p->count; i++) {
        const int32_t c = i % p->channels * p->per_channel, code = x[i] - p->in_zero;
        const int32_t sum = code * p->weights[2 * c + (code < 0)];
        y[i] = clamped(rescale(sum, p->multiplier[c], p->shift[c]) + p->out_zero, p->low, p->high);
    }
}
