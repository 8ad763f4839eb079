; Reserved bits of 64-bit paging: RSVD in the error code, at every level; PS where it may not be.
%include "behaviour.inc"
    behaviour LONG64
    mov dword [PTE64(WINDOW) + 4], 0x00080000 ; an address that no processor has (bit 51)
    catch .pte
    mov eax, [abs WINDOW]
.pte:
    mov dword [PTE64(WINDOW) + 4], 0
    mov dword [pae_window_directory], 0x1000000 + PTE_P + PTE_W + PTE_PS + 0x2000 ; bit 13 of a 2-MiB page
    catch .pde
    mov [abs WINDOW], eax
.pde:
    mov dword [pae_window_directory], pae_window_table + PTE_P + PTE_W + PTE_U
    mov dword [pml4 + 256 * 8], pdpt + PTE_P + PTE_W + PTE_PS
    mov rsi, 0xffff800040000000
    catch .pml4e
    mov eax, [rsi]
.pml4e:
    mov dword [pml4 + 256 * 8], pdpt + PTE_P + PTE_W
    mov dword [rsi], 0x12345678
    see_low "at both", qword [abs WINDOW]
    mov rax, 0x0000800000000000
    catch .canonical
    mov ecx, [rax]
.canonical:
    mov rbp, 0x0000800000000000
    catch .stack
    mov ecx, [rbp]
.stack:
    mov rax, 0x00007ffffffffffd
    catch .end
    mov ecx, [rax] ; runs off the canonical half
.end:
    done
