/* Writes ELF files for tests, with the C library's own idea of the format (<elf.h>). */
#ifndef MAKE_ELF_H
#define MAKE_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct make_segment {
    uint64_t paddr, vaddr, offset, filesz, memsz;
};

enum make_field { PHDR_TYPE, PHDR_OFFSET, PHDR_PADDR, PHDR_FILESZ, PHDR_MEMSZ };

static inline void set_phdr(uint8_t *file, unsigned index, enum make_field field, uint64_t value)
{
    if (file[EI_CLASS] == ELFCLASS64) {
        Elf64_Phdr p;
        uint8_t *at = file + sizeof(Elf64_Ehdr) + index * sizeof(p);

        memcpy(&p, at, sizeof(p));
        switch (field) {
        case PHDR_TYPE:
            p.p_type = (uint32_t)value;
            break;
        case PHDR_OFFSET:
            p.p_offset = value;
            break;
        case PHDR_PADDR:
            p.p_paddr = value;
            break;
        case PHDR_FILESZ:
            p.p_filesz = value;
            break;
        case PHDR_MEMSZ:
            p.p_memsz = value;
            break;
        }
        memcpy(at, &p, sizeof(p));
    } else {
        Elf32_Phdr p;
        uint8_t *at = file + sizeof(Elf32_Ehdr) + index * sizeof(p);

        memcpy(&p, at, sizeof(p));
        switch (field) {
        case PHDR_TYPE:
            p.p_type = (uint32_t)value;
            break;
        case PHDR_OFFSET:
            p.p_offset = (uint32_t)value;
            break;
        case PHDR_PADDR:
            p.p_paddr = (uint32_t)value;
            break;
        case PHDR_FILESZ:
            p.p_filesz = (uint32_t)value;
            break;
        case PHDR_MEMSZ:
            p.p_memsz = (uint32_t)value;
            break;
        }
        memcpy(at, &p, sizeof(p));
    }
}

static inline void make_elf32(uint8_t *file, uint64_t entry, const struct make_segment *s, unsigned count)
{
    Elf32_Ehdr h = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_386,
        .e_version = EV_CURRENT,
        .e_entry = (uint32_t)entry,
        .e_phoff = sizeof(h),
        .e_ehsize = sizeof(h),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = (uint16_t)count,
    };

    memcpy(file, &h, sizeof(h));
    for (unsigned i = 0; i < count; i++) {
        Elf32_Phdr p = {
            .p_type = PT_LOAD,
            .p_offset = (uint32_t)s[i].offset,
            .p_vaddr = (uint32_t)s[i].vaddr,
            .p_paddr = (uint32_t)s[i].paddr,
            .p_filesz = (uint32_t)s[i].filesz,
            .p_memsz = (uint32_t)s[i].memsz,
        };

        memcpy(file + sizeof(h) + i * sizeof(p), &p, sizeof(p));
    }
}

static inline void make_elf64(uint8_t *file, uint64_t entry, const struct make_segment *s, unsigned count)
{
    Elf64_Ehdr h = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = entry,
        .e_phoff = sizeof(h),
        .e_ehsize = sizeof(h),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (uint16_t)count,
    };

    memcpy(file, &h, sizeof(h));
    for (unsigned i = 0; i < count; i++) {
        Elf64_Phdr p = {
            .p_type = PT_LOAD,
            .p_offset = s[i].offset,
            .p_vaddr = s[i].vaddr,
            .p_paddr = s[i].paddr,
            .p_filesz = s[i].filesz,
            .p_memsz = s[i].memsz,
        };

        memcpy(file + sizeof(h) + i * sizeof(p), &p, sizeof(p));
    }
}

/* Headers in front, the rest of the file a pattern that differs from byte to byte. */
static inline void make_elf(uint8_t *file, size_t bytes, bool wide, uint64_t entry,
                            const struct make_segment *s, unsigned count)
{
    for (size_t i = 0; i < bytes; i++)
        file[i] = (uint8_t)(i * 31 + i / 251);
    if (wide)
        make_elf64(file, entry, s, count);
    else
        make_elf32(file, entry, s, count);
}

#endif
