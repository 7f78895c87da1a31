# Completion of spear(1) for bash: commands, their flags as `spear help COMMAND` lists them, names of tasks, files.
# Installed as share/bash-completion/completions/spear; or: source tools/spear-completion.bash

_spear_flags() { # COMMAND...
    "${COMP_WORDS[0]}" help "$@" 2>/dev/null | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p'
}

_spear_task_names() {
    timeout 1 "${COMP_WORDS[0]}" tasks ls --all --no-color 2>/dev/null | sed '1d; s/ .*//'
}

_spear() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' group='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --sms-addr | --token | --token-file) i=$((i + 1)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=${COMP_WORDS[i]}
            elif [[ -z $group && $command =~ ^(files|tasks|nodes|token)$ ]]; then
                group=${COMP_WORDS[i]}
            fi
            ;;
        esac
    done
    case $command in
    '')
        COMPREPLY=($(compgen -W "run up deploy invoke files tasks nodes token audit version help $(_spear_flags version)" -- "$word"))
        return
        ;;
    help)
        COMPREPLY=($(compgen -W "run up deploy invoke files tasks nodes token audit version" -- "$word"))
        return
        ;;
    token)
        if [[ -z $group ]]; then
            COMPREPLY=($(compgen -W "create list revoke" -- "$word"))
            return
        fi
        ;;
    files | tasks | nodes)
        if [[ -z $group ]]; then
            [[ $command = files ]] && group=' put' || group=
            COMPREPLY=($(compgen -W "ls get rm$group" -- "$word"))
            return
        fi
        ;;
    esac
    if [[ $word = -* ]]; then
        COMPREPLY=($(compgen -W "$(_spear_flags "$command" ${group:+"$group"})" -- "$word"))
    elif [[ $previous = --log-level ]]; then
        COMPREPLY=($(compgen -W "error warn info debug" -- "$word"))
    elif [[ $previous = --require-sandbox ]]; then
        COMPREPLY=($(compgen -W "full best-effort off" -- "$word"))
    elif [[ $previous = --priority ]]; then
        COMPREPLY=($(compgen -W "low normal high urgent" -- "$word"))
    elif [[ $command = invoke && $previous != -* || "$command $group" = "tasks get" || "$command $group" = "tasks rm" ]]; then
        COMPREPLY=($(compgen -W "$(_spear_task_names)" -- "$word"))
    else
        compopt -o default 2>/dev/null
    fi
}
complete -F _spear spear
