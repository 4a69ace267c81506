/* For tests: the few functions of CMSIS-NN that exported C calls, with plain loops that we wrote from what its
   documentation says they compute. The prototypes are those that it publishes. */
#ifndef ARM_NNFUNCTIONS_H
#define ARM_NNFUNCTIONS_H

#include <stdint.h>

typedef enum { ARM_CMSIS_NN_SUCCESS = 0, ARM_CMSIS_NN_ARG_ERROR = -1 } arm_cmsis_nn_status;

typedef struct {
    int32_t w, h;
} cmsis_nn_tile;

typedef struct {
    int32_t n, h, w, c;
} cmsis_nn_dims;

typedef struct {
    int32_t min, max;
} cmsis_nn_activation;

typedef struct {
    void *buf;
    int32_t size;
} cmsis_nn_context;

typedef struct {
    int32_t *multiplier, *shift;
} cmsis_nn_per_channel_quant_params;

typedef struct {
    int32_t *multiplier, *shift;
    int32_t is_per_channel;
} cmsis_nn_quant_params;

typedef struct {
    int32_t input_offset, filter_offset, output_offset;
    cmsis_nn_activation activation;
} cmsis_nn_fc_params;

typedef struct {
    int32_t input_offset, output_offset;
    cmsis_nn_tile stride, padding, dilation;
    cmsis_nn_activation activation;
} cmsis_nn_conv_params;

typedef struct {
    int32_t input_offset, output_offset, ch_mult;
    cmsis_nn_tile stride, padding, dilation;
    cmsis_nn_activation activation;
} cmsis_nn_dw_conv_params;

typedef struct {
    cmsis_nn_tile stride, padding;
    cmsis_nn_activation activation;
} cmsis_nn_pool_params;

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *how, const cmsis_nn_dims *in,
                                                const cmsis_nn_dims *filter, const cmsis_nn_dims *out);
arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context *room, const cmsis_nn_conv_params *how,
                                            const cmsis_nn_per_channel_quant_params *scales, const cmsis_nn_dims *in,
                                            const int8_t *x, const cmsis_nn_dims *filter, const int8_t *weights,
                                            const cmsis_nn_dims *bias_dims, const int32_t *bias,
                                            const cmsis_nn_dims *out, int8_t *y);
int32_t arm_depthwise_conv_wrapper_s8_get_buffer_size(const cmsis_nn_dw_conv_params *how, const cmsis_nn_dims *in,
                                                      const cmsis_nn_dims *filter, const cmsis_nn_dims *out);
arm_cmsis_nn_status arm_depthwise_conv_wrapper_s8(const cmsis_nn_context *room, const cmsis_nn_dw_conv_params *how,
                                                  const cmsis_nn_per_channel_quant_params *scales,
                                                  const cmsis_nn_dims *in, const int8_t *x,
                                                  const cmsis_nn_dims *filter, const int8_t *weights,
                                                  const cmsis_nn_dims *bias_dims, const int32_t *bias,
                                                  const cmsis_nn_dims *out, int8_t *y);
arm_cmsis_nn_status arm_fully_connected_wrapper_s8(const cmsis_nn_context *room, const cmsis_nn_fc_params *how,
                                                   const cmsis_nn_quant_params *scales, const cmsis_nn_dims *in,
                                                   const int8_t *x, const cmsis_nn_dims *filter,
                                                   const int8_t *weights, const cmsis_nn_dims *bias_dims,
                                                   const int32_t *bias, const cmsis_nn_dims *out, int8_t *y);
arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context *room, const cmsis_nn_pool_params *how,
                                    const cmsis_nn_dims *in, const int8_t *x, const cmsis_nn_dims *window,
                                    const cmsis_nn_dims *out, int8_t *y);
arm_cmsis_nn_status arm_elementwise_mul_s8(const int8_t *a, const int8_t *b, const int32_t a_offset,
                                           const int32_t b_offset, int8_t *y, const int32_t out_offset,
                                           const int32_t multiplier, const int32_t shift, const int32_t low,
                                           const int32_t high, const int32_t count);

#endif
