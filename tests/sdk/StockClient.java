// SPDX-License-Identifier: Apache-2.0
// The reference's client library (net.handle:handle-client) against a running helved: what its
// users do, by UDP and TCP, with each kind of key that it knows, in sessions and without. Prints a
// line for each item and at last "N passed, N failed".
//
//   StockClient PORT DIR PREFIX     DIR: of the node, made by helvectl init --key rsa

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.handle.hdllib.*;

public class StockClient {
	interface Item {
		void run() throws Exception;
	}

	static int passed, failed;
	static String prefix;
	static SiteInfo site;
	static PrivateKey adminKey;

	static void item(String name, Item item)
	{
		try {
			item.run();
			passed++;
			System.out.println("ok " + name);
		} catch (Throwable e) {
			failed++;
			System.out.println("FAIL " + name + ": " + e);
			for (StackTraceElement at : Arrays.asList(e.getStackTrace()).subList(
				     0, Math.min(6, e.getStackTrace().length)))
				System.out.println("    " + at);
		}
	}

	static void check(boolean holds, String what)
	{
		if (!holds)
			throw new AssertionError(what);
	}

	static HandleResolver resolver(int... protocols)
	{
		HandleResolver r = new HandleResolver();
		r.setCheckSignatures(true);
		r.setTcpTimeout(20000);
		r.setSessionTracker(null);
		if (protocols.length > 0)
			r.setPreferredProtocols(protocols);
		return r;
	}

	static AbstractResponse ask(HandleResolver r, AbstractRequest rq, int code) throws Exception
	{
		AbstractResponse rs = r.sendRequestToSite(rq, site);
		check(rs.responseCode == code, "expected " + code + ", got " + rs);
		return rs;
	}

	static byte[] utf8(String text)
	{
		return Util.encodeString(text);
	}

	static HandleValue url(int index, String text)
	{
		return new HandleValue(index, utf8("URL"), utf8(text));
	}

	static HandleValue admin(int index, String handle, int keyIndex)
	{
		AdminRecord a = new AdminRecord(utf8(handle), keyIndex, true, true, true, true, true,
						true, true, true, true, true, true, true);
		return new HandleValue(index, Common.ADMIN_TYPE, Encoder.encodeAdminRecord(a));
	}

	static AuthenticationInfo root()
	{
		return new PublicKeyAuthenticationInfo(utf8("0.NA/" + prefix), 300, adminKey);
	}

	static void create(HandleResolver r, AuthenticationInfo who, String name, HandleValue... v)
		throws Exception
	{
		ask(r, new CreateHandleRequest(utf8(name), v, who), AbstractMessage.RC_SUCCESS);
	}

	/* What everybody sees, by UDP and TCP: the values' data in order; null: no such identifier. */
	static void see(String name, String... expected) throws Exception
	{
		for (int protocol : new int[] {Interface.SP_HDL_UDP, Interface.SP_HDL_TCP}) {
			ResolutionRequest rq = new ResolutionRequest(utf8(name), null, null, null);
			AbstractResponse rs = ask(resolver(protocol), rq,
						  expected == null ? 100 : 1);
			if (expected == null)
				continue;
			List<String> got = new ArrayList<>();
			for (HandleValue v : ((ResolutionResponse)rs).getHandleValues())
				if (v.hasType(utf8("URL")))
					got.add(v.getDataAsString());
			check(got.equals(Arrays.asList(expected)), name + ": " + got);
		}
	}

	static void life(HandleResolver r, AuthenticationInfo who, String name, boolean certify)
		throws Exception
	{
		CreateHandleRequest c = new CreateHandleRequest(
			utf8(name),
			new HandleValue[] {url(1, "a"), admin(100, Util.decodeString(who.getUserIdHandle()),
							      who.getUserIdIndex())},
			who);
		c.certify = certify;
		ask(r, c, 1);
		see(name, "a");
		AddValueRequest add = new AddValueRequest(utf8(name), url(2, "b"), who);
		add.certify = certify;
		ask(r, add, 1);
		see(name, "a", "b");
		ModifyValueRequest modify = new ModifyValueRequest(utf8(name), url(1, "c"), who);
		modify.certify = certify;
		ask(r, modify, 1);
		see(name, "c", "b");
		RemoveValueRequest remove = new RemoveValueRequest(utf8(name), 2, who);
		remove.certify = certify;
		ask(r, remove, 1);
		see(name, "c");
		DeleteHandleRequest delete = new DeleteHandleRequest(utf8(name), who);
		delete.certify = certify;
		ask(r, delete, 1);
		see(name, (String[])null);
	}

	static void reading() throws Exception
	{
		item("resolve what is not there", () -> see(prefix + "/none", (String[])null));
		item("site information", () -> {
			GenericRequest rq = new GenericRequest(Common.BLANK_HANDLE,
							       AbstractMessage.OC_GET_SITE_INFO, null);
			GetSiteInfoResponse rs = (GetSiteInfoResponse)ask(resolver(), rq, 1);
			check(rs.siteInfo.servers.length == 1, "servers");
		});
		for (int protocol : new int[] {Interface.SP_HDL_UDP, Interface.SP_HDL_TCP})
			item("certified resolution by " + Interface.protocolName((byte)protocol), () -> {
				ResolutionRequest rq =
					new ResolutionRequest(utf8("0.NA/" + prefix), null, null, null);
				rq.certify = true;
				rq.returnRequestDigest = true;
				AbstractResponse rs = ask(resolver(protocol), rq, 1);
				check(rs.signature != null && rs.signature.length > 0, "unsigned");
			});
	}

	static void changing() throws Exception
	{
		HandleResolver r = resolver();
		item("whole life with RSA", () -> life(r, root(), prefix + "/STOCK.RSA", false));
		item("whole life, certified", () -> life(r, root(), prefix + "/STOCK.CT", true));
		String people = prefix + "/STOCK.PEOPLE";
		item("register a secret key", () -> {
			HandleValue secret = new HandleValue(301, Common.STD_TYPE_HSSECKEY, utf8("mi ma"));
			secret.setAnyoneCanRead(false);
			create(r, root(), people, secret, admin(100, "0.NA/" + prefix, 300));
			ask(r, new AddValueRequest(utf8("0.NA/" + prefix), admin(150, people, 301), root()), 1);
		});
		AuthenticationInfo secret = new SecretKeyAuthenticationInfo(utf8(people), 301, utf8("mi ma"));
		item("whole life with a secret key", () -> life(r, secret, prefix + "/STOCK.SEC", false));
		item("wrong secret key", () -> ask(r, new CreateHandleRequest(
			utf8(prefix + "/STOCK.NO"), new HandleValue[] {url(1, "x")},
			new SecretKeyAuthenticationInfo(utf8(people), 301, utf8("mi mb"))), 403));
		item("a second administrator with a key of his own", () -> {
			KeyPairGenerator g = KeyPairGenerator.getInstance("RSA");
			g.initialize(2048);
			KeyPair pair = g.generateKeyPair();
			String name = prefix + "/STOCK.ANN";
			HandleValue key = new HandleValue(300, Common.STD_TYPE_HSPUBKEY,
							  Util.getBytesFromPublicKey(pair.getPublic()));
			create(r, root(), name, key, admin(100, name, 300));
			AuthenticationInfo ann = new PublicKeyAuthenticationInfo(utf8(name), 300,
										 pair.getPrivate());
			ask(r, new CreateHandleRequest(utf8(prefix + "/STOCK.X"),
						       new HandleValue[] {url(1, "x")}, ann), 400);
			ValueReference[] members = {new ValueReference(utf8("0.NA/" + prefix), 300),
						    new ValueReference(utf8(name), 300)};
			HandleValue group = new HandleValue(200, Common.STD_TYPE_HSVALLIST,
							    Encoder.encodeValueReferenceList(members));
			ask(r, new ModifyValueRequest(utf8("0.NA/" + prefix), group, root()), 1);
			life(r, ann, prefix + "/STOCK.BY-ANN", false);
		});
		refusals(r);
		flags(r);
		lists(r);
		sessions(secret);
	}

	static void refusals(HandleResolver r) throws Exception
	{
		item("nobody is asked who he is", () -> {
			try {
				ask(r, new DeleteHandleRequest(utf8(prefix + "/STOCK.ANN"), null), 402);
				check(false, "no challenge");
			} catch (HandleException e) {
				check(e.getCode() == HandleException.UNABLE_TO_AUTHENTICATE, "" + e);
			}
		});
		item("there already: 101", () -> ask(r, new CreateHandleRequest(
			utf8(prefix + "/STOCK.ANN"), new HandleValue[] {url(1, "x")}, root()), 101));
		item("another's prefix: 301", () -> ask(r, new CreateHandleRequest(
			utf8("10.1/x"), new HandleValue[] {url(1, "x")}, root()), 301));
		item("missing value: 200", () -> ask(r, new RemoveValueRequest(
			utf8(prefix + "/STOCK.ANN"), 77, root()), 200));
		item("missing record: 100", () -> ask(r, new DeleteHandleRequest(
			utf8(prefix + "/STOCK.NONE"), root()), 100));
	}

	static void flags(HandleResolver r) throws Exception
	{
		item("overwrite", () -> {
			String name = prefix + "/STOCK.OVER";
			create(r, root(), name, url(1, "a"));
			CreateHandleRequest c = new CreateHandleRequest(
				utf8(name), new HandleValue[] {url(2, "b")}, root());
			c.overwriteWhenExists = true;
			check(ask(r, c, 1).overwriteWhenExists, "OWE is not in the answer");
			see(name, "b");
		});
		item("mint a suffix", () -> {
			CreateHandleRequest c = new CreateHandleRequest(
				utf8(prefix + "/STOCK-"), new HandleValue[] {url(1, "m")}, root(), true);
			CreateHandleResponse rs = (CreateHandleResponse)ask(r, c, 1);
			String name = Util.decodeString(rs.handle);
			check(name.startsWith(prefix + "/STOCK-") && name.length() > 40, name);
			see(name, "m");
		});
		item("a record of 200,000 octets", () -> {
			HandleValue[] values = new HandleValue[200];
			char[] text = new char[1000];
			Arrays.fill(text, 'x');
			for (int i = 0; i < values.length; i++)
				values[i] = new HandleValue(i + 1, utf8("DESC"), utf8(new String(text)));
			create(r, root(), prefix + "/STOCK.LONG", values);
			ResolutionRequest rq =
				new ResolutionRequest(utf8(prefix + "/STOCK.LONG"), null, null, null);
			AbstractResponse rs = ask(resolver(Interface.SP_HDL_TCP), rq, 1);
			check(((ResolutionResponse)rs).getHandleValues().length == 200, "values");
		});
		item("private values for who may read them", () -> {
			HandleValue hidden = url(3, "hidden");
			hidden.setAnyoneCanRead(false);
			create(r, root(), prefix + "/STOCK.PRIV", url(1, "open"), hidden,
			       admin(100, "0.NA/" + prefix, 200));
			see(prefix + "/STOCK.PRIV", "open");
			ResolutionRequest rq = new ResolutionRequest(utf8(prefix + "/STOCK.PRIV"), null,
								     null, root());
			rq.ignoreRestrictedValues = false;
			AbstractResponse rs = ask(r, rq, 1);
			check(((ResolutionResponse)rs).getHandleValues().length == 3, "values");
		});
	}

	static Set<String> list(HandleResolver r, AbstractRequest rq) throws Exception
	{
		Set<String> names = new HashSet<>();
		ResponseMessageCallback add = message -> {
			byte[][] page = message instanceof ListHandlesResponse
						? ((ListHandlesResponse)message).handles
				: message instanceof ListNAsResponse ? ((ListNAsResponse)message).handles
								     : new byte[0][];
			for (byte[] name : page)
				names.add(Util.decodeString(name).toUpperCase());
		};
		AbstractResponse rs = r.sendRequestToSite(rq, site, add);
		check(rs.responseCode == 1, "list: " + rs);
		add.handleResponse(rs);
		return names;
	}

	static void lists(HandleResolver r) throws Exception
	{
		item("list 117 identifiers", () -> {
			for (int i = 0; i < 117; i++)
				create(r, root(), prefix + "/LIST." + i, url(1, "x"));
			Set<String> names = list(r, new ListHandlesRequest(utf8("0.NA/" + prefix), root()));
			for (int i = 0; i < 117; i++)
				check(names.contains((prefix + "/LIST." + i).toUpperCase()), "no " + i);
		});
		item("home, list and unhome a prefix", () -> {
			byte[] name = utf8("0.NA/" + prefix + ".7");
			ask(r, new GenericRequest(name, AbstractMessage.OC_HOME_NA, root()), 1);
			AbstractRequest rq = new ListNAsRequest(name, root());
			check(list(r, rq).contains(Util.decodeString(name).toUpperCase()), "not homed");
			ask(r, new GenericRequest(name, AbstractMessage.OC_UNHOME_NA, root()), 1);
		});
	}

	static void sessions(AuthenticationInfo secret) throws Exception
	{
		for (AuthenticationInfo who : new AuthenticationInfo[] {root(), secret})
			for (boolean encrypt : new boolean[] {false, true}) {
				String what = "session of " + who.getUserIdIndex() +
					      (encrypt ? ", encrypted" : "");
				item(what, () -> session(who, encrypt));
			}
	}

	static void session(AuthenticationInfo who, boolean encrypt) throws Exception
	{
		HandleResolver r = resolver();
		SessionSetupInfo setup = new SessionSetupInfo(who);
		setup.encrypted = encrypt;
		ClientSessionTracker tracker = new ClientSessionTracker(setup);
		r.setSessionTracker(tracker);
		for (int i = 0; i < 3; i++)
			life(r, who, prefix + "/STOCK.S" + i, i == 1);
		check(tracker.getAllSessions().length == 1,
		      "sessions: " + tracker.getAllSessions().length);
	}

	public static void main(String[] args) throws Exception
	{
		int port = Integer.parseInt(args[0]);
		Path dir = Path.of(args[1]);
		prefix = args[2];
		System.setProperty("net.handle.configDir", dir.toString());
		site = Encoder.decodeSiteInfoRecord(Files.readAllBytes(dir.resolve("site.bin")), 0);
		for (Interface i : site.servers[0].interfaces)
			i.port = port;
		byte[] file = Files.readAllBytes(dir.resolve("keys/admpriv.bin"));
		adminKey = Util.getPrivateKeyFromBytes(Util.decrypt(file, null), 0);
		reading();
		changing();
		System.out.println(passed + " passed, " + failed + " failed");
		System.exit(failed > 0 ? 1 : 0);
	}
}
