# Completion of passagectl for bash. The program itself says what may come next.

_passagectl() {
    local IFS=$'\n'
    COMPREPLY=($(passagectl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
# Where nothing is said, a file may be wanted.
complete -o default -F _passagectl passagectl
