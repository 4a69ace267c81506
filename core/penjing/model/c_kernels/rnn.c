/* tanh of what a unit sees (Elman 1990). `memory` holds 8 bytes a unit. */
KERNEL void rnn_@BITS@bit(const struct recurrent *p, const int8_t *x, int8_t *memory, int8_t *y)
{
    const int32_t n = p->hidden;
    int32_t *state = (int32_t *)(void *)memory, *next = state + n;
    memset(memory, 0, 8 * (size_t)n);
    for (int32_t t = 0; t < p->steps; t++) {
        const int8_t *from = x + place_of(p, t) * p->features;
        for (int32_t j = 0; j < n; j++)
            next[j] = limited(tanh_code(whole_of(p, gate_@BITS@bit(p, from, state, j), j)), 32767);
        finish_step(p, t, state, next, y);
    }
}
