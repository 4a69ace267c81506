/* Gates: entry, output, forget, candidate (Hochreiter 1997); the cell in 1/2^20. `memory` holds 12 bytes a unit. */
KERNEL void lstm_@BITS@bit(const struct recurrent *p, const int8_t *x, int8_t *memory, int8_t *y)
{
    const int32_t n = p->hidden;
    int32_t *state = (int32_t *)(void *)memory, *next = state + n, *cell = next + n;
    memset(memory, 0, 12 * (size_t)n);
    for (int32_t t = 0; t < p->steps; t++) {
        const int8_t *from = x + place_of(p, t) * p->features;
        for (int32_t j = 0; j < n; j++) {
            const int32_t entry = sigmoid_code(whole_of(p, gate_@BITS@bit(p, from, state, j), j));
            const int32_t output = sigmoid_code(whole_of(p, gate_@BITS@bit(p, from, state, n + j), n + j));
            const int32_t forget = sigmoid_code(whole_of(p, gate_@BITS@bit(p, from, state, 2 * n + j), 2 * n + j));
            const int32_t candidate = tanh_code(whole_of(p, gate_@BITS@bit(p, from, state, 3 * n + j), 3 * n + j));
            const int64_t kept = halved((int64_t)forget * cell[j], 15), added = halved((int64_t)entry * candidate, 10);
            cell[j] = limited(kept + added, (int32_t)1 << 30);
            next[j] = limited(halved((int64_t)output * tanh_code(halved(cell[j], 4)), 15), 32767);
        }
        finish_step(p, t, state, next, y);
    }
}
