# Completion for bash: commands, analyses, formats, and the options that --help lists. To be sourced, or installed as
# bash-completion/completions/engram.
_engram() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]:-} about=() choices=''
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        choices="$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z]*\)  *.*/\1/p') help"
    elif [ "$COMP_CWORD" = 2 ] && { [ "$command" = analyse ] || [ "$command" = convert ]; }; then
        choices=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9-]*\)  *.*/\1/p')
    elif [ "${word:0:1}" = - ]; then
        about=("$command")
        [ "$command" != analyse ] || about+=("${COMP_WORDS[2]}")
        choices="$("${COMP_WORDS[0]}" "${about[@]}" --help 2>/dev/null | grep -oE -- '--[a-z][a-z0-9-]*' | sort -u) --help"
    else
        case ${COMP_WORDS[COMP_CWORD - 1]} in
        --kind) choices='r w' ;;
        --space) choices='gpa gva' ;;
        --by) choices='code line page symbol' ;;
        --cpl) choices='user kernel 0 1 2 3' ;;
        --cause) choices='instruction exception interrupt page-walk descriptor task-switch' ;;
        --format) choices='lines json oracle' ;;
        esac
    fi
    if [ -n "$choices" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _engram engram
