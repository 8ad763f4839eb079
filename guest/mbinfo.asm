; Prints the multiboot information it was given, a line each:
;
;     magic 2badb002
;     flags 0000…
;     lower N KiB upper N KiB
;     cmdline …
;     loader …
;     module 0x… 0x… COMMAND LINE            start and end (exclusive); one line per module
;     content XX XX XX XX                    first 4 bytes of the module before
;     map 0xHIGHLOW 0xHIGHLOW TYPE           base and length; one line per entry
;     end

%include "multiboot.inc"
    multiboot_header MB_PAGE_ALIGN | MB_MEMORY_INFO
%include "serial.inc"

    section .bss
    alignb 16
magic:
    resd 1
info:
    resd 1
cursor:
    resd 1
limit:
    resd 1

    section .text
    bits 32
    global start

%macro print_hex 1 ; [dword]
    mov ecx, %1
    put_hex
%endmacro

start:
    cli
    cld
    mov [magic], eax
    mov [info], ebx
    serial_init
    print "BOOT", 10, "magic "
    print_hex [magic]
    print 10, "flags "
    mov ebp, [info]
    print_hex [ebp + MBI_FLAGS]
    print 10

    test dword [ebp + MBI_FLAGS], MBI_HAS_MEM
    jz .no_mem
    print "lower "
    mov ecx, [ebp + MBI_MEM_LOWER]
    put_dec
    print " KiB upper "
    mov ecx, [ebp + MBI_MEM_UPPER]
    put_dec
    print " KiB", 10
.no_mem:
    test dword [ebp + MBI_FLAGS], MBI_HAS_CMDLINE
    jz .no_cmdline
    print "cmdline "
    mov esi, [ebp + MBI_CMDLINE]
    puts_esi
    print 10
.no_cmdline:
    test dword [ebp + MBI_FLAGS], MBI_HAS_LOADER_NAME
    jz .no_loader
    print "loader "
    mov esi, [ebp + MBI_LOADER_NAME]
    puts_esi
    print 10
.no_loader:
    test dword [ebp + MBI_FLAGS], MBI_HAS_MODS
    jz .no_modules
    mov eax, [ebp + MBI_MODS_ADDR]
    mov [cursor], eax
    mov eax, [ebp + MBI_MODS_COUNT]
    mov [limit], eax
.module:
    cmp dword [limit], 0
    je .no_modules
    mov ebp, [cursor]
    print "module 0x"
    print_hex [ebp]
    print " 0x"
    print_hex [ebp + 4]
    print " "
    mov esi, [ebp + 8]
    puts_esi
    print 10, "content "
    mov eax, [ebp]
    mov ecx, [eax]
    bswap ecx
    put_hex
    print 10
    add dword [cursor], 16
    dec dword [limit]
    jmp .module
.no_modules:
    mov ebp, [info]
    test dword [ebp + MBI_FLAGS], MBI_HAS_MMAP
    jz .end
    mov eax, [ebp + MBI_MMAP_ADDR]
    mov [cursor], eax
    add eax, [ebp + MBI_MMAP_LENGTH]
    mov [limit], eax
.entry:
    mov ebp, [cursor]
    cmp ebp, [limit]
    jae .end
    print "map 0x"
    print_hex [ebp + MMAP_BASE + 4]
    print_hex [ebp + MMAP_BASE]
    print " 0x"
    print_hex [ebp + MMAP_LENGTH + 4]
    print_hex [ebp + MMAP_LENGTH]
    print " "
    mov ecx, [ebp + MMAP_TYPE]
    put_dec
    print 10
    mov eax, [ebp + MMAP_SIZE]
    add eax, 4
    add [cursor], eax
    jmp .entry
.end:
    print "end", 10
    guest_end
