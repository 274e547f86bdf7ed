#!/usr/bin/env escript
%% Prints what inet and inet_res give for each argument TYPE:NAME, a line for each.
-mode(compile).

main(Arguments) -> lists:foreach(fun answer/1, Arguments).

answer(Argument) ->
    [Type, Name] = string:split(Argument, ":"),
    io:format("~s ~s~n", [Argument, string:join(ask(Type, Name), " ")]).

ask("A", Name) -> addresses(inet:getaddrs(Name, inet));
ask("AAAA", Name) ->
    case inet:getaddrs(Name, inet6) of
        {error, nxdomain} -> [];
        Other -> addresses(Other)
    end;
ask("SRV", Name) -> [Target || {_, _, _, Target} <- inet_res:lookup(Name, in, srv)];
ask("PTR", Name) ->
    {ok, Address} = inet:parse_address(Name),
    case inet:gethostbyaddr(Address) of
        {ok, Host} -> [element(2, Host)];
        {error, Reason} -> [atom_to_list(Reason)]
    end.

addresses({ok, All}) -> [inet:ntoa(Each) || Each <- All];
addresses({error, Reason}) -> [atom_to_list(Reason)].
