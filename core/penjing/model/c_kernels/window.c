/* The window of one result: taps from y_tap to y_end lie inside; a row is `k_row` values, `run` inside after `before`.
   The next window lies `step` further, and with `has_next` as much of it is inside. */
struct window {
    const int8_t *x;
    int32_t y_tap, y_end, before, run, k_row, filter, x_row, step, has_next, is_padded;
};

KERNEL struct window window_of(const struct conv *p, const int8_t *x, int32_t oy, int32_t ox)
{
    const int32_t top = oy * p->stride_h - p->pad_h, left = ox * p->stride_w - p->pad_w, line = p->in_w * p->in_c;
    const int32_t y_end = last_tap(top, p->k_h, p->dilation_h, p->in_h), x_end = last_tap(left, p->k_w, p->dilation_w, p->in_w);
    const int32_t y_tap = first_tap(top, y_end, p->dilation_h), x_tap = first_tap(left, x_end, p->dilation_w);
    const struct window found = {
        .x = x + (top + y_tap * p->dilation_h) * line + (left + x_tap * p->dilation_w) * p->in_c,
        .y_tap = y_tap,
        .y_end = y_end,
        .before = x_tap * p->in_c,
        .run = (x_end - x_tap) * p->in_c,
        .k_row = p->k_w * p->in_c,
        .filter = p->k_h * p->k_w * p->in_c,
        .x_row = p->dilation_h * line,
        .step = p->stride_w * p->in_c,
        .has_next = left >= 0 && left + p->stride_w + (p->k_w - 1) * p->dilation_w < p->in_w,
        .is_padded = (y_end - y_tap) * (x_end - x_tap) < p->k_h * p->k_w && p->in_zero != 0,
    };
    return found;
}
