/* One part of several that stand side by side: runs of it go to places `stride` apart. */
struct place {
    uint32_t multiplier;
    int32_t shift, runs, run, stride, offset, in_zero, out_zero, low, high;
};

KERNEL void place(const struct place *p, const int8_t *x, int8_t *y)
{
    for (int32_t r = 0; r < p->runs; r++)
        for (int32_t i = 0; i < p->run; i++) {
            const int64_t value = (int64_t)(*x++ - p->in_zero) * p->multiplier;
            const int32_t code = rescale_sum(value, p->shift) + p->out_zero;
            y[p->offset + r * p->stride + i] = clamped(code, p->low, p->high);
        }
}
