/* What ddoq.h and ddoq_kernels.h share: statuses and element types. */
#ifndef DDOQ_TYPES_H
#define DDOQ_TYPES_H

typedef enum ddoq_status {
    DDOQ_SUCCESS = 0,
    DDOQ_INVALID_ARGUMENT = 1, /* a value out of range, a null pointer, a handle that is not one */
    DDOQ_NO_DRIVER = 2,        /* libddoq_kernels: libcuda was not found, or lacks a function */
    DDOQ_NO_KERNELS = 3,       /* libddoq_kernels: built without nvcc, or the device is older than sm_80 */
    DDOQ_DRIVER_ERROR = 4,     /* a driver call failed; the message names it */
    DDOQ_NO_DEVICE = 5,        /* libddoq: CUDA was asked for and cannot be used; the message says what was tried */
    DDOQ_FAILED = 6,           /* libddoq: a file or a row cannot be used; the message names it */
    DDOQ_CANCELLED = 7,        /* libddoq: the caller stopped the call */
    DDOQ_OUT_OF_MEMORY = 8,
    DDOQ_DEFECT = 9 /* a defect of the library: please report the message */
} ddoq_status;

typedef enum ddoq_type { DDOQ_FP16 = 0, DDOQ_BF16 = 1, DDOQ_FP32 = 2 } ddoq_type;

#endif
