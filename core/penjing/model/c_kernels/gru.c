/* Gates: update, reset, candidate (Cho 2014), the reset behind the product. `memory` holds 8 bytes a unit. */
KERNEL void gru_@BITS@bit(const struct recurrent *p, const int8_t *x, int8_t *memory, int8_t *y)
{
    const int32_t n = p->hidden;
    int32_t *state = (int32_t *)(void *)memory, *next = state + n;
    memset(memory, 0, 8 * (size_t)n);
    for (int32_t t = 0; t < p->steps; t++) {
        const int8_t *from = x + place_of(p, t) * p->features;
        for (int32_t j = 0; j < n; j++) {
            const int32_t update = sigmoid_code(whole_of(p, gate_@BITS@bit(p, from, state, j), j));
            const int32_t reset = sigmoid_code(whole_of(p, gate_@BITS@bit(p, from, state, n + j), n + j));
            const struct seen seen = gate_@BITS@bit(p, from, state, 2 * n + j);
            const int32_t before = halved((int64_t)reset * (seen.state + p->state_bias[j]), 15);
            const int32_t candidate = tanh_code(seen.input + p->bias[2 * n + j] + before);
            next[j] = limited(candidate + halved((int64_t)update * (state[j] - candidate), 15), 32767);
        }
        finish_step(p, t, state, next, y);
    }
}
