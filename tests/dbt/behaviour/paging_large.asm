; PSE: 4-MiB pages with the bits of PSE-36 and reserved ones; PS without CR4.PSE is an ordinary entry.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [page_directory + 15 * 4], 0x1000000 + PTE_P + PTE_W + PTE_PS + 0x200000 ; bit 21 is reserved
    catch .reserved
    mov eax, [15 * 0x400000]
.reserved:
    mov dword [page_directory + 15 * 4], 0x1000000 + PTE_P + PTE_W + PTE_PS
    mov eax, [15 * 0x400000 + marks - 0x1000000]
    see "4 MiB", eax
    mov dword [page_directory + 14 * 4], 0x1000000 + PTE_P + PTE_PS
    catch .read_only
    mov [14 * 0x400000 + marks - 0x1000000], eax
.read_only:
    mov dword [page_directory + 13 * 4], PTE_P + PTE_W + PTE_PS + 0x2000 ; bit 13 is bit 32 of the address: no memory
    mov eax, [13 * 0x400000]
    see "4 GiB", eax
    done
    align 4
marks:
    dd 0x12345678
