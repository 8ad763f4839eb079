; SYSENTER and SYSEXIT in 32-bit protected mode: flat segments from IA32_SYSENTER_CS, IF and VM cleared.
%include "behaviour.inc"
    behaviour PROTECTED
    catch .disabled
    sysenter
.disabled:
    catch .exit_disabled
    sysexit
.exit_disabled:
    descriptor SEL_FREE, 0, 0xfffff, ACCESS_CODE | ACCESS_32 | ACCESS_PAGES
    descriptor SEL_FREE + 8, 0, 0xfffff, ACCESS_DATA | ACCESS_32 | ACCESS_PAGES
    descriptor SEL_FREE + 16, 0, 0xfffff, ACCESS_CODE | ACCESS_DPL3 | ACCESS_32 | ACCESS_PAGES
    descriptor SEL_FREE + 24, 0, 0xfffff, ACCESS_DATA | ACCESS_DPL3 | ACCESS_32 | ACCESS_PAGES
    mov ecx, MSR_SYSENTER_CS
    mov eax, SEL_FREE
    mov edx, 0
    wrmsr
    mov ecx, MSR_SYSENTER_ESP
    mov eax, stack - 256
    wrmsr
    mov ecx, MSR_SYSENTER_EIP
    mov eax, .entry
    wrmsr
    mov al, 0xff
    out 0x21, al
    out 0xa1, al
    to_ring3 FLAG_IF | FLAG_CF | 2
    sysenter
.user:
    mov ebx, cs
    mov ebp, ss
    mov esi, esp
    catch_anew .level
    sysexit
.level:
    see "cs", ebx
    see "ss", ebp
    see "esp", esi
    mov ecx, MSR_SYSENTER_CS
    mov eax, 0
    mov edx, 0
    wrmsr
    done
.entry:
    pushfd
    pop esi
    mov edi, esp
    see "flags inside", esi
    see "esp inside", edi
    mov edi, cs
    mov esi, ss
    see "cs inside", edi
    see "ss inside", esi
    mov edx, .user
    mov ecx, stack_user - 64
    sysexit
