/* The kernels' image, as data that ends with a zero. DDOQ_IMAGE is its path. */
    .section .rodata
    .balign 64
    .globl ddoq_kernel_image
    .hidden ddoq_kernel_image
    .type ddoq_kernel_image, %object
ddoq_kernel_image:
    .incbin DDOQ_IMAGE
    .byte 0
    .size ddoq_kernel_image, .-ddoq_kernel_image
    .section .note.GNU-stack,"",%progbits
