; SMEP: no supervisor execution of user pages. SMAP: no supervisor access to them unless AC is set, which STAC
; and CLAC change; implicit accesses (the GDT) do not heed AC.
%include "behaviour.inc"
    behaviour LONG64
    needs_cpuid 7, ebx, 7
    needs_cpuid 7, ebx, 20
    mov byte [abs WINDOW], 0xc3
    ; The rest of memory is the supervisor's, so that code, stack and tables can be used.
    mov ecx, 512
    mov edi, pae_directory
.supervisor:
    and dword [rdi], ~PTE_U
    add edi, 8
    loop .supervisor
    mov rax, cr4
    or eax, CR4_SMEP
    mov cr4, rax
    mov eax, WINDOW
    catch .smep
    call rax
.smep:
    mov ecx, [abs WINDOW]
    see "read", rcx
    mov rax, cr4
    or eax, CR4_SMAP
    mov cr4, rax
    catch .smap
    mov ecx, [abs WINDOW]
.smap:
    catch .smap_write
    mov [abs WINDOW], ecx
.smap_write:
    stac
    inc dword [abs WINDOW]
    clac
    catch .clac
    inc dword [abs WINDOW]
.clac:
    pushfq
    or qword [rsp], FLAG_AC
    popfq
    mov ecx, [abs WINDOW]
    see "with AC", rcx
    mov eax, WINDOW
    catch .smep_ac ; AC is not for fetches
    call rax
.smep_ac:
    mov rax, cr4
    and eax, ~(CR4_SMAP | CR4_SMEP)
    mov cr4, rax
    mov eax, WINDOW
    mov byte [rax], 0xc3
    call rax
    catch_anew .level
    mov edi, pae_directory + 8 * 8 ; the image, for level 3
    or dword [rdi], PTE_U
    or dword [rdi + 8], PTE_U
    mov rax, cr3
    mov cr3, rax
    to_ring3
    stac
.level:
    done
