/* Adds the products of a window with the filter w and the three after it to their four sums.
   A function of its own keeps the sums in registers. */
KERNEL void dot4(int32_t *restrict sums, const struct window *restrict v, const int8_t *w)
{
    const int8_t *line = v->x;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (int32_t ky = v->y_tap; ky < v->y_end; ky++, line += v->x_row) {
        const int8_t *x = line, *end = x + v->run;
        const int8_t *w0 = w + ky * v->k_row + v->before, *w1 = w0 + v->filter, *w2 = w1 + v->filter, *w3 = w2 + v->filter;
#ifdef FOURS
        for (const int8_t *fours = x + v->run / 4 * 4; x != fours; x += 4, w0 += 4, w1 += 4, w2 += 4, w3 += 4) {
            const struct four a = four_at(x);
            s0 = add_four(s0, a, four_at(w0));
            s1 = add_four(s1, a, four_at(w1));
            s2 = add_four(s2, a, four_at(w2));
            s3 = add_four(s3, a, four_at(w3));
        }
#endif
        while (x != end) {
            const int32_t a = *x++;
            s0 += a * *w0++;
            s1 += a * *w1++;
            s2 += a * *w2++;
            s3 += a * *w3++;
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}
