/* The same values at another scale; may work in place. */
struct requantize {
    int32_t multiplier, shift, count, in_zero, out_zero, low, high;
};

KERNEL void requantize(const struct requantize *p, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < p->count; i++)
        y[i] = clamped(rescale(x[i] - p->in_zero, p->multiplier, p->shift) + p->out_zero, p->low, p->high);
}
