/* Where Xen enters the guest (64-bit PV), and the notes by which Xen's builder knows it. */

        .section .text.entry, "ax"
        .globl  _start
_start:
        cld
        xorl    %ebp, %ebp
        leaq    boot_stack_end(%rip), %rsp
        movq    %rsi, %rdi              /* The start_info page. */
        call    guest_main
        ud2

        .bss
        .balign 16
        .skip   16384
boot_stack_end:

/* One note: type, then what it holds. */
        .macro  xen_note type:req, directive:req, value:vararg
        .pushsection .note.Xen, "a", @note
        .balign 4
        .long   2f - 1f
        .long   4f - 3f
        .long   \type
1:      .asciz  "Xen"
2:      .balign 4
3:      \directive \value
4:      .balign 4
        .popsection
        .endm

        xen_note 1, .quad, _start       /* ENTRY */
        xen_note 3, .quad, 0            /* VIRT_BASE */
        xen_note 4, .quad, 0            /* PADDR_OFFSET */
        xen_note 5, .asciz, "xen-3.0"   /* XEN_VERSION */
        xen_note 6, .asciz, "nano"      /* GUEST_OS */
        xen_note 7, .asciz, "2"         /* GUEST_VERSION */
        xen_note 8, .asciz, "generic"   /* LOADER */
        xen_note 9, .asciz, "yes"       /* PAE_MODE */
        xen_note 10, .asciz, ""         /* FEATURES */

        .section .note.GNU-stack, "", @progbits
