/* Filters [k_h][k_w][channels]. A library that needs more room than there is writes nothing. */
KERNEL void cmsis_depthwise(const struct cmsis_layer *restrict p, const int8_t *restrict x, int8_t *restrict y)
{
    const cmsis_nn_context room = {.buf = scratch, .size = SCRATCH_SIZE};
    const cmsis_nn_dw_conv_params how = {
        .input_offset = -p->in_zero,
        .output_offset = p->out_zero,
        .ch_mult = 1,
        .stride = cmsis_pair(p->stride_h, p->stride_w),
        .padding = cmsis_pair(p->pad_h, p->pad_w),
        .dilation = cmsis_pair(p->dilation_h, p->dilation_w),
        .activation = {.min = p->low, .max = p->high},
    };
    const cmsis_nn_per_channel_quant_params scales = {(int32_t *)p->multiplier, (int32_t *)p->shift};
    const cmsis_nn_dims in = cmsis_image(1, p->in_h, p->in_w, p->in_c);
    const cmsis_nn_dims filter = cmsis_image(1, p->k_h, p->k_w, p->out_c);
    const cmsis_nn_dims bias = cmsis_image(1, 1, 1, p->out_c);
    const cmsis_nn_dims out = cmsis_image(1, p->out_h, p->out_w, p->out_c);
    if (arm_depthwise_conv_wrapper_s8_get_buffer_size(&how, &in, &filter, &out) <= SCRATCH_SIZE)
        arm_depthwise_conv_wrapper_s8(&room, &how, &scales, &in, x, &filter, p->weights, &bias, p->bias, &out, y);
}
