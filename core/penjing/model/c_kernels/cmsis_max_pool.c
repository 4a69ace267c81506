/* The largest value of each window; padding never wins. */
struct cmsis_pool {
    int32_t in_h, in_w, channels, out_h, out_w, k_h, k_w, stride_h, stride_w, pad_h, pad_w, low, high;
};

KERNEL void cmsis_max_pool(const struct cmsis_pool *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const cmsis_nn_context room = {.buf = scratch, .size = SCRATCH_SIZE};
    const cmsis_nn_pool_params how = {
        .stride = {.w = p->stride_w, .h = p->stride_h},
        .padding = {.w = p->pad_w, .h = p->pad_h},
        .activation = {.min = p->low, .max = p->high},
    };
    const cmsis_nn_dims in = {.n = 1, .h = p->in_h, .w = p->in_w, .c = p->channels};
    const cmsis_nn_dims window = {.n = 1, .h = p->k_h, .w = p->k_w, .c = 1};
    const cmsis_nn_dims out = {.n = 1, .h = p->out_h, .w = p->out_w, .c = p->channels};
    arm_max_pool_s8(&room, &how, &in, x, &window, &out, y);
}
