/* The vector cores want sums of the filters in the room first, which no two versions of the library compute alike;
   there a linear layer is a convolution of one pixel. */
#if defined(__ARM_FEATURE_MVE)
#define AS_CONVOLUTION 1
#else
#define AS_CONVOLUTION 0
#endif

/* Filters [out_c][in_c]. */
KERNEL void cmsis_linear(const struct cmsis_layer *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const cmsis_nn_context room = {.buf = scratch, .size = SCRATCH_SIZE};
    const cmsis_nn_fc_params how = {
        .input_offset = -p->in_zero,
        .output_offset = p->out_zero,
        .activation = {.min = p->low, .max = p->high},
    };
    const cmsis_nn_quant_params scales = {(int32_t *)p->multiplier, (int32_t *)p->shift, 1};
    const cmsis_nn_dims in = cmsis_image(1, 1, 1, p->in_c);
    const cmsis_nn_dims filter = cmsis_image(p->in_c, 1, 1, p->out_c);
    const cmsis_nn_dims bias = cmsis_image(1, 1, 1, p->out_c);
    const cmsis_nn_dims out = cmsis_image(1, 1, 1, p->out_c);
    if (AS_CONVOLUTION)
        cmsis_conv(p, x, y);
    else
        arm_fully_connected_wrapper_s8(&room, &how, &scales, &in, x, &filter, p->weights, &bias, p->bias, &out, y);
}
