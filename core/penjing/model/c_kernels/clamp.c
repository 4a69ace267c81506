/* Values inside bounds; may work in place. */
struct clamp {
    int32_t count, low, high;
};

KERNEL void clamp(const struct clamp *p, const int8_t *x, int8_t *y)
{
    for (int32_t i = 0; i < p->count; i++)
        y[i] = clamped(x[i], p->low, p->high);
}
