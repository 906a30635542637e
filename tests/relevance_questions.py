"""Passages and questions that measure the quality of a search: docstrings of Python's library.

The passages are the descriptions of some hundred functions, classes and error codes in this version of Python. Each
question names the passage that answers it. Some questions share hardly a word with their passage; some contain a rare
word of it, like people who remember half of a name; some contain a number.
"""

from __future__ import annotations

import errno
import importlib
import inspect
import os

_MODULES = """os os.path shutil pathlib glob tempfile json csv re string textwrap difflib datetime time calendar random
    statistics math itertools functools collections heapq bisect copy pprint hashlib hmac secrets base64 zlib gzip
    zipfile tarfile urllib.parse http.client socket subprocess threading queue asyncio logging argparse getpass
    locale decimal fractions struct pickle inspect ast tokenize traceback warnings contextlib unicodedata html
    email.utils ipaddress uuid platform signal shlex filecmp linecache mimetypes webbrowser colorsys operator
    weakref"""
_SHORTEST, _LONGEST = 60, 600
#: How many further passages each module adds to those that answer questions.
_OTHERS = 8

#: The passage that answers, and the question.
QUESTIONS: list[tuple[str, str]] = [
    # In other words.
    ("os.path.join", "put the parts of a file's location together"),
    ("os.path.splitext", "separate a file's name from its ending"),
    ("os.path.getsize", "how large is a file in bytes?"),
    ("os.path.expanduser", "replace the tilde by my home directory"),
    ("os.makedirs", "create a folder together with all the folders above it"),
    ("os.getcwd", "which directory am I in at the moment?"),
    ("os.urandom", "unpredictable bytes suitable for cryptography"),
    ("os.cpu_count", "how many processors does this machine have?"),
    ("shutil.copytree", "duplicate a whole folder and what is inside"),
    ("shutil.rmtree", "delete a folder with everything in it"),
    ("shutil.which", "where is the program that a command would start?"),
    ("shutil.disk_usage", "how much space is left on my drive?"),
    ("tempfile.mkdtemp", "a fresh scratch folder that only I can read"),
    ("textwrap.dedent", "strip the indentation that all lines have in common"),
    ("textwrap.fill", "break a long paragraph so that no line is too wide"),
    ("difflib.get_close_matches", "find words that are spelled nearly like the one that was typed"),
    ("calendar.isleap", "does February have 29 days this year?"),
    ("calendar.monthrange", "how many days does a month have?"),
    ("time.sleep", "wait for a few seconds"),
    ("random.shuffle", "bring the cards of a deck into a chance order"),
    ("random.sample", "draw several different lottery numbers"),
    ("statistics.median", "the value in the middle of sorted observations"),
    ("statistics.stdev", "how far do the values of a sample scatter?"),
    ("math.gcd", "the largest number that divides both without remainder"),
    ("math.factorial", "multiply all numbers from one up to n"),
    ("math.isclose", "are two floats equal apart from rounding?"),
    ("itertools.chain", "go through several lists one after the other as if they were one"),
    ("itertools.permutations", "all orders in which things can be arranged"),
    ("functools.lru_cache", "remember results so that they need not be computed again"),
    ("functools.reduce", "fold a sequence into one value, step by step"),
    ("collections.Counter", "count how often each word occurs"),
    ("heapq.nlargest", "the ten best scores of a long list"),
    ("bisect.insort", "add something to a sorted list so that it stays sorted"),
    ("copy.deepcopy", "an independent duplicate of nested data"),
    ("hmac.compare_digest", "test secrets for equality without giving anything away by the time it takes"),
    ("secrets.token_urlsafe", "a hard to guess text for a password reset link"),
    ("base64.b64encode", "turn binary data into printable characters"),
    ("urllib.parse.quote", "escape spaces and special characters for a web address"),
    ("urllib.parse.urlsplit", "take a web address apart into host, path and query"),
    ("subprocess.check_output", "start another program and read what it prints"),
    ("threading.Lock", "make sure that only one worker enters a section at a time"),
    ("asyncio.gather", "run several coroutines at once and collect all their results"),
    ("asyncio.wait_for", "give up on a coroutine after some seconds"),
    ("getpass.getpass", "ask for a password without showing what is typed"),
    ("struct.unpack", "read C integers out of raw bytes"),
    ("inspect.signature", "which parameters does a function take?"),
    ("ast.literal_eval", "safely turn the text of a constant into a value"),
    ("traceback.format_exc", "the current error with its stack as a text"),
    ("contextlib.suppress", "ignore an error that is expected inside a with block"),
    ("unicodedata.normalize", "the same letter composed in different ways should compare equal"),
    ("html.escape", "make user input safe to put into a web page"),
    ("email.utils.parseaddr", "split a sender into real name and address"),
    ("ipaddress.ip_network", "which addresses belong to a subnet?"),
    ("uuid.uuid4", "a random unique identifier"),
    ("shlex.split", "cut a command line into arguments as a shell would"),
    ("filecmp.cmp", "do two files have the same content?"),
    ("mimetypes.guess_type", "what kind of content does a file name stand for?"),
    ("webbrowser.open", "show a page in the default browser"),
    ("colorsys.rgb_to_hsv", "from red, green and blue to hue"),
    ("weakref.proxy", "refer to an object without keeping it alive"),
    # By a rare word of the passage.
    ("datetime.timezone", "fixed offset tzinfo"),
    ("email.utils.formatdate", "RFC 2822 localtime usegmt"),
    ("zlib.adler32", "adler checksum"),
    ("zlib.crc32", "crc start value"),
    ("hashlib.scrypt", "scrypt maxmem dklen"),
    ("os.scandir", "scandir DirEntry iterator"),
    ("os.path.commonpath", "commonpath of sequence"),
    ("os.sched_setaffinity", "affinity mask of a process"),
    ("math.ulp", "ulp of x"),
    ("math.hypot", "hypot Euclidean"),
    ("itertools.zip_longest", "fillvalue shorter iterables exhausted"),
    ("functools.singledispatch", "singledispatch generic function"),
    ("functools.total_ordering", "fills in missing ordering methods"),
    ("socket.getaddrinfo", "getaddrinfo family proto canonname"),
    ("signal.pthread_sigmask", "pthread sigmask"),
    ("locale.setlocale", "setlocale category"),
    ("fractions.Fraction", "Fraction('-35/4') rational"),
    ("decimal.localcontext", "localcontext default context copy"),
    ("pickle.dumps", "pickled representation protocol buffer_callback"),
    ("tokenize.detect_encoding", "detect encoding cookie utf-8 bom readline"),
    ("platform.libc_ver", "libc version executable glibc"),
    ("linecache.getline", "linecache line number cached"),
    ("operator.itemgetter", "itemgetter fetches items operand"),
    ("statistics.fmean", "fmean faster float"),
    ("random.betavariate", "beta distribution alpha"),
    ("heapq.heapify", "heapify in-place O(len(x))"),
    ("glob.escape", "escape special characters of a pattern"),
    ("csv.register_dialect", "register dialect name"),
    ("warnings.filterwarnings", "insert an entry into the list of warnings filters"),
    ("threading.Barrier", "barrier parties action"),
    # By a numeric code.
    *((f"errno.{name}", f"what does error {number} mean?") for number, name in sorted(errno.errorcode.items())[5::9]),
]


def list_passages() -> dict[str, str]:
    """Return descriptions by name; an object with several names appears once."""
    passages = {
        f"errno.{name}": f"Error {number}, {name}: {os.strerror(number)}." for number, name in errno.errorcode.items()
    }
    seen: set[str] = set()
    answer_names = {name for name, _ in QUESTIONS}
    for module_name in _MODULES.split():
        others = 0
        for name, value in inspect.getmembers(importlib.import_module(module_name)):
            full_name = f"{module_name}.{name}"
            if name.startswith("_") or not (inspect.isroutine(value) or inspect.isclass(value)):
                continue
            text = inspect.getdoc(value) or ""
            is_answer = full_name in answer_names
            if not is_answer and (text in seen or len(text) < _SHORTEST or others == _OTHERS):
                continue
            others += not is_answer
            seen.add(text)
            passages[full_name] = f"{full_name}: {text[:_LONGEST]}"
    return passages
