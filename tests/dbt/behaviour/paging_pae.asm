; PAE: the four pointers are loaded by MOV CR3 and not looked at in memory again; reserved bits in one are
; #GP; NX and reserved bits of an entry are a page fault with RSVD.
%include "behaviour.inc"
    behaviour PAE
    mov dword [WINDOW], 0x11111111
    mov dword [pae_pdpt + 8], 0 ; without MOV CR3 nothing changes
    invlpg [WINDOW]
    mov eax, [WINDOW]
    see "still there", eax
    mov eax, cr3
    mov cr3, eax
    catch .absent
    mov eax, [WINDOW]
.absent:
    mov dword [pae_pdpt + 8], pae_window_directory + PTE_P
    catch .not_loaded
    mov eax, [WINDOW]
.not_loaded:
    mov eax, cr3
    mov cr3, eax
    mov eax, [WINDOW]
    see "back", eax
    mov dword [pae_pdpt + 8], pae_window_directory + PTE_P + PTE_W ; W is reserved here
    mov eax, cr3
    catch .reserved
    mov cr3, eax
.reserved:
    mov dword [pae_pdpt + 8], pae_window_directory + PTE_P
    mov eax, cr3
    mov cr3, eax
    mov dword [PTE64(WINDOW) + 4], 0x80000000 ; NX without IA32_EFER.NXE is reserved
    invlpg [WINDOW]
    catch .nx_reserved
    mov eax, [WINDOW]
.nx_reserved:
    mov dword [PTE64(WINDOW) + 4], 0x00100000 ; bit 52
    catch .bit52
    mov [WINDOW], eax
.bit52:
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_NXE
    wrmsr
    mov dword [PTE64(WINDOW) + 4], 0x80000000
    mov byte [WINDOW], 0xc3
    mov eax, WINDOW
    catch .nx
    call eax
.nx:
    mov dword [PTE64(WINDOW) + 4], 0
    invlpg [WINDOW]
    mov eax, WINDOW
    call eax
    mov dword [pae_window_directory + 4], 0x80000000 ; for the whole directory entry
    mov ecx, cr3
    mov cr3, ecx
    catch .directory
    call eax
.directory:
    mov ebx, [WINDOW]
    see "read", ebx
    done
