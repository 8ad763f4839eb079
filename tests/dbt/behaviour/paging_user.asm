; User and supervisor: what level 3 may read, write and execute, at both levels of the tables; CR0.WP.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], FRAME(0) + PTE_P + PTE_W
    mov dword [PTE32(WINDOW + PAGE)], FRAME(1) + PTE_P + PTE_U
    catch_anew .read
    to_ring3
    mov eax, [WINDOW + 4]
.read:
    catch_anew .write
    to_ring3
    mov [WINDOW + PAGE + 4], eax
.write:
    catch_anew .execute
    to_ring3
    mov eax, WINDOW + 8
    jmp eax
.execute:
    catch .protected
    mov [WINDOW + PAGE], eax
.protected:
    mov eax, cr0
    and eax, ~CR0_WP
    mov cr0, eax
    mov dword [WINDOW + PAGE], 0x11111111
    see "written", [WINDOW + PAGE]
    see "pte", [PTE32(WINDOW + PAGE)]
    catch_anew .still
    to_ring3
    mov [WINDOW + PAGE], eax ; WP is for the supervisor alone
.still:
    mov eax, cr0
    or eax, CR0_WP
    mov cr0, eax
    catch .again
    mov [WINDOW + PAGE], eax
.again:
    and dword [page_directory + (WINDOW >> 22) * 4], ~PTE_U
    mov eax, cr3
    mov cr3, eax
    catch_anew .directory
    to_ring3
    mov eax, [WINDOW + PAGE]
.directory:
    catch_anew .system ; an implicit supervisor access: at level 3 the GDT may be the supervisor's
    mov esi, gdt
    and esi, 0xffc00000
    shr esi, 22
    to_ring3
    mov eax, SEL_USER_DATA
    mov ds, eax
    to_ring0
.system:
    done
