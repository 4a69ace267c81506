/* A weight and a bias a channel, or one for all; may work in place. */
KERNEL void scaled(const struct scaled *p, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < p->count; i++) {
        const int32_t c = i % p->channels * p->per_channel;
        const int32_t sum = (x[i] - p->in_zero) * p->weights[c] + (p->bias == 0 ? 0 : p->bias[c]);
        y[i] = clamped(rescale(sum, p->multiplier[c], p->shift[c]) + p->out_zero, p->low, p->high);
    }
}
