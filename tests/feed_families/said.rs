//! What each family says.

/// What an item must say.
pub struct Expected {
    pub title: &'static str,
    pub url: &'static str,
    pub guid: &'static str,
    pub published_ts: i64,
    /// Parts of its plain text: of the summary, else of the content.
    pub words: &'static [&'static str],
    pub author: &'static str,
    pub image: &'static str,
    pub enclosure: &'static str,
    pub categories: &'static [&'static str],
}

pub struct Family {
    pub file: &'static str,
    pub title: &'static str,
    pub link: &'static str,
    pub items: &'static [Expected],
}

const NONE: Expected = Expected {
    title: "",
    url: "",
    guid: "",
    published_ts: 0,
    words: &[],
    author: "",
    image: "",
    enclosure: "",
    categories: &[],
};

/// Half past twelve.
const NOON: i64 = 1_720_528_200;

pub const FAMILIES: &[Family] = &[
    Family {
        file: "edgar-current.xml",
        title: "Latest Filings - Tue, 09 Jul 2024 08:30:00 EDT",
        link: "https://feed.example/cgi-bin/browse?action=getcurrent",
        items: &[Expected {
            title: "8-K - Café Rates Corp (0000000001) (Filer)",
            url: "https://filings.example/data/1/0000000001-24-000001-index.htm",
            guid: "urn:tag:filings.example,2008:accession-number=0000000001-24-000001",
            published_ts: 1_720_528_151,
            words: &["Filed: 2024-07-09", "Item 2.02: Results of the quarter"],
            author: "Webmaster",
            ..NONE
        }],
    },
    Family {
        file: "edgar-company.xml",
        title: "RATES CORP (0000000001)",
        link: "https://filings.example/cgi-bin/browse?action=getcompany&CIK=1",
        items: &[Expected {
            title: "10-Q - Quarterly report [Sections 13 or 15(d)]",
            url: "https://filings.example/data/1/0000000001-24-000002-index.htm",
            guid: "urn:tag:filings.example,2008:accession-number=0000000001-24-000002",
            published_ts: NOON,
            words: &["Size: 2 MB"],
            author: "Webmaster",
            ..NONE
        }],
    },
    Family {
        file: "edgar-xbrl.xml",
        title: "All XBRL filings",
        link: "https://filings.example/xbrl.rss.xml",
        items: &[Expected {
            title: "RATES CORP (0000000001) (Filer)",
            url: "https://filings.example/data/1/0000000001-24-000003-index.htm",
            guid: "https://filings.example/data/1/0000000001-24-000003-xbrl.zip",
            published_ts: 1_720_528_151,
            words: &["10-Q"],
            enclosure: "https://filings.example/data/1/0000000001-24-000003-xbrl.zip",
            ..NONE
        }],
    },
    Family {
        file: "nasdaq-halts.xml",
        title: "Trade Halts",
        link: "https://halts.example/",
        items: &[
            Expected {
                title: "RATE",
                published_ts: 1_720_497_600,
                words: &["07/09/2024", "08:30:00.000", "T1"],
                ..NONE
            },
            Expected {
                title: "RATE",
                published_ts: 1_720_497_600,
                words: &["08:10:00.000", "LUDP"],
                ..NONE
            },
        ],
    },
    Family {
        file: "podcast-host.xml",
        title: "The Rates Hour",
        link: "https://pod.example/rates",
        items: &[Expected {
            title: "12 | Cuts & hikes",
            url: "https://pod.example/rates/12",
            guid: "b5c1f1b6-0000-4b1e-9d1c-000000000012",
            published_ts: NOON,
            words: &["All nine voted. Notes"],
            author: "Rates Desk",
            image: "https://pod.example/12.jpg",
            enclosure: "https://cdn.pod.example/12.mp3?src=feed&id=12",
            categories: &["rates", "fed"],
        }],
    },
    Family {
        file: "substack.xml",
        title: "Rates Letter",
        link: "https://letter.example",
        items: &[Expected {
            title: "Nine votes, one cut",
            url: "https://letter.example/p/nine-votes",
            guid: "https://letter.example/p/nine-votes",
            published_ts: NOON,
            words: &["And what the bond market made of it"],
            author: "Ann Rate",
            image: "https://cdn.letter.example/image/fetch/$s_!x!,f_auto,q_auto/https%3A%2F%2Fs3.example%2Fc.png",
            enclosure: "https://cdn.letter.example/image/fetch/$s_!x!,f_auto,q_auto/https%3A%2F%2Fs3.example%2Fc.png",
            ..NONE
        }],
    },
    Family {
        file: "ghost.xml",
        title: "Rates Blog",
        link: "https://blog.example/",
        items: &[Expected {
            title: "Why nine voted",
            url: "https://blog.example/why-nine/",
            guid: "668d2f0c1c9d440001a0b0c1",
            published_ts: NOON,
            words: &["A short & plain note"],
            author: "Ben Bond",
            image: "https://blog.example/content/images/2024/07/c.jpg",
            categories: &["Rates", "Fed & ECB"],
            ..NONE
        }],
    },
    Family {
        file: "bluesky.xml",
        title: "@desk.example - Rates Desk",
        link: "https://sky.example/profile/desk.example",
        items: &[
            Expected {
                url: "https://sky.example/profile/desk.example/post/3kwtabc",
                guid: "at://did:plc:abc123/app.bsky.feed.post/3kwtabc",
                published_ts: NOON,
                words: &["All nine voted. Chart below & more: 2 < 3"],
                ..NONE
            },
            Expected {
                url: "https://sky.example/profile/desk.example/post/3kwtabd",
                guid: "at://did:plc:abc123/app.bsky.feed.post/3kwtabd",
                published_ts: 1_720_522_920,
                words: &["Calm."],
                ..NONE
            },
        ],
    },
    Family {
        file: "lemmy.xml",
        title: "Rates - links",
        link: "https://forum.example/c/rates",
        items: &[Expected {
            title: "All nine voted",
            url: "https://news.example/nine",
            guid: "https://forum.example/post/1",
            published_ts: NOON,
            words: &["submitted by ann to rates", "12 comments", "With a chart"],
            author: "https://forum.example/u/ann",
            image: "https://forum.example/pictrs/c.png",
            ..NONE
        }],
    },
    Family {
        file: "github-releases.xml",
        title: "Release notes from rates",
        link: "https://code.example/desk/rates/releases",
        items: &[
            Expected {
                title: "v1.2.0: Vec<Rate> everywhere",
                url: "https://code.example/desk/rates/releases/tag/v1.2.0",
                guid: "tag:code.example,2008:Repository/1/v1.2.0",
                published_ts: NOON,
                words: &["What's changed Vec<Rate> by @ann"],
                author: "ann",
                image: "https://avatars.code.example/u/1?s=60&v=4",
                ..NONE
            },
            Expected {
                title: "v1.1.9",
                url: "https://code.example/desk/rates/releases/tag/v1.1.9",
                guid: "tag:code.example,2008:Repository/1/v1.1.9",
                published_ts: 1_719_817_200,
                words: &["No content."],
                author: "rates-bot[bot]",
                image: "https://avatars.code.example/in/2?s=60&v=4",
                ..NONE
            },
        ],
    },
    Family {
        file: "arxiv.xml",
        title: "q-fin updates on papers.example",
        link: "http://rss.papers.example/rss/q-fin",
        items: &[Expected {
            title: "Nine votes: a model of $r < r^*$ and $p > 0$",
            url: "https://papers.example/abs/2407.00001",
            guid: "oai:papers.example:2407.00001v1",
            published_ts: 1_720_497_600,
            words: &[
                "Announce Type: new Abstract: We show that $x<y$ holds",
                "vote.",
            ],
            author: "Ann Rate, Ben Bond",
            categories: &["q-fin.PR", "math.OC"],
            ..NONE
        }],
    },
    Family {
        file: "arxiv-query.xml",
        title: "Query: search_query=all:rates&id_list=&start=0",
        link: "",
        items: &[Expected {
            title: "Rates in two lines",
            url: "http://papers.example/abs/2407.00002v2",
            guid: "http://papers.example/abs/2407.00002v2",
            published_ts: 1_719_824_400,
            words: &["We prove a bound for a < b."],
            author: "Ann Rate",
            categories: &["q-fin.PR"],
            ..NONE
        }],
    },
    Family {
        file: "wordpress.xml",
        title: "Rates & Bonds",
        link: "https://press.example",
        items: &[Expected {
            title: "Nine votes – it’s “done”",
            url: "https://press.example/2024/07/nine-votes/",
            guid: "https://press.example/?p=42",
            published_ts: NOON,
            words: &["All nine voted. […] The post Nine votes appeared first on Rates."],
            author: "Ann Rate",
            image: "https://gravatar.example/avatar/abc?s=96&d=identicon&r=G",
            categories: &["Rates", "R&D"],
            ..NONE
        }],
    },
    Family {
        file: "wordpress-comments.xml",
        title: "Comments on: Nine votes",
        link: "https://press.example/2024/07/nine-votes/",
        items: &[
            Expected {
                title: "By: Ben",
                url: "https://press.example/2024/07/nine-votes/#comment-2",
                guid: "https://press.example/?p=42#comment-2",
                published_ts: 1_720_531_800,
                words: &["In reply to Cleo. Quite so."],
                author: "Ben",
                ..NONE
            },
            Expected {
                title: "By: Cleo",
                url: "https://press.example/2024/07/nine-votes/#comment-1",
                guid: "https://press.example/?p=42#comment-1",
                published_ts: 1_720_530_000,
                words: &["Why nine?"],
                author: "Cleo",
                ..NONE
            },
        ],
    },
];
