import java.net.*;
import java.util.*;
import javax.naming.directory.*;

/** Prints what InetAddress, and for SRV records JNDI, give for each argument TYPE:NAME, a line for each. */
class Lookup {
    public static void main(String[] arguments) {
        for (String each : arguments) {
            String[] asked = each.split(":", 2);
            List<String> answer = new ArrayList<>();
            try {
                switch (asked[0]) {
                    case "A":
                        for (InetAddress address : InetAddress.getAllByName(asked[1]))
                            if (address instanceof Inet4Address) answer.add(address.getHostAddress());
                        break;
                    case "AAAA":
                        for (InetAddress address : InetAddress.getAllByName(asked[1]))
                            if (address instanceof Inet6Address) answer.add(address.getHostAddress());
                        break;
                    case "PTR":
                        // Where the forward look-up does not agree, this is the address again.
                        answer.add(InetAddress.getByName(asked[1]).getCanonicalHostName());
                        break;
                    case "SRV":
                        Hashtable<String, String> from = new Hashtable<>();
                        from.put("java.naming.factory.initial", "com.sun.jndi.dns.DnsContextFactory");
                        from.put("java.naming.provider.url", "dns:");
                        Attribute found = new InitialDirContext(from).getAttributes(asked[1], new String[] {"SRV"}).get("SRV");
                        for (int i = 0; i < found.size(); i++) answer.add(found.get(i).toString().split(" ")[3].replaceFirst("[.]$", ""));
                        break;
                }
            } catch (Exception e) {
                answer.add(e.toString().replace(' ', '_'));
            }
            System.out.println(each + " " + String.join(" ", answer));
        }
    }
}
