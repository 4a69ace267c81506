/* CMSIS-NN takes the layers of which its result is this network's own, bit for bit. */
#include <arm_nnfunctions.h>

#ifndef CMSIS_NN_USE_SINGLE_ROUNDING
#error "This network rounds once: build CMSIS-NN, and this file, with -DCMSIS_NN_USE_SINGLE_ROUNDING."
#endif
