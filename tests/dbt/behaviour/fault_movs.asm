; MOVSD and CMPSD with one operand, or its second half, absent: no register changes.
%include "behaviour.inc"
    behaviour PAGED
    mov dword [PTE32(WINDOW)], 0
    mov dword [PTE32(WINDOW + 3 * PAGE)], 0
    mov esi, WINDOW + 8
    mov edi, WINDOW + PAGE + 8
    catch .source
    movsd
.source:
    mov esi, WINDOW + PAGE + 8
    mov edi, WINDOW + 8
    catch .destination
    movsd
.destination:
    mov dword [WINDOW + PAGE + 8], 0x12345678
    mov edi, WINDOW + 3 * PAGE - 2
    catch .crossing
    movsd
.crossing:
    see "first page", [WINDOW + 3 * PAGE - 4]
    mov esi, WINDOW + 3 * PAGE - 1
    mov edi, WINDOW + PAGE
    catch .read_crossing
    movsd
.read_crossing:
    mov esi, WINDOW + PAGE
    mov edi, WINDOW
    catch .compare
    cmpsd
.compare:
    catch .store
    stosd
.store:
    mov esi, edi
    catch .load
    lodsd
.load:
    catch .scan
    scasd
.scan:
    done
