/* Where filters are laid over a result: the taps that fall on a value lie `tap_step` apart, from `first_over` on. */
INSIDE int32_t tap_step(int32_t stride, int32_t dilation)
{
    int32_t step = 1;
    while (step * dilation % stride != 0)
        step++;
    return step;
}

INSIDE int32_t first_over(int32_t place, int32_t taps, int32_t stride, int32_t dilation)
{
    int32_t tap = 0;
    while (tap < taps && (place - tap * dilation) % stride != 0)
        tap++;
    return tap;
}
