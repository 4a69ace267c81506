/* The same for the filters w and the one after it, and for a window and the next: sums by filter, then by window. */
KERNEL void dot2x2(int32_t *restrict sums, const struct window *restrict v, const int8_t *w)
{
    const int8_t *line = v->x;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (int32_t ky = v->y_tap; ky < v->y_end; ky++, line += v->x_row) {
        const int8_t *x0 = line, *x1 = x0 + v->step, *end = x0 + v->run;
        const int8_t *w0 = w + ky * v->k_row + v->before, *w1 = w0 + v->filter;
#ifdef FOURS
        for (const int8_t *fours = x0 + v->run / 4 * 4; x0 != fours; x0 += 4, x1 += 4, w0 += 4, w1 += 4) {
            const struct four a0 = four_at(x0), a1 = four_at(x1), b0 = four_at(w0), b1 = four_at(w1);
            s0 = add_four(s0, a0, b0);
            s1 = add_four(s1, a1, b0);
            s2 = add_four(s2, a0, b1);
            s3 = add_four(s3, a1, b1);
        }
#endif
        while (x0 != end) {
            const int32_t a0 = *x0++, a1 = *x1++, b0 = *w0++, b1 = *w1++;
            s0 += a0 * b0;
            s1 += a1 * b0;
            s2 += a0 * b1;
            s3 += a1 * b1;
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}
